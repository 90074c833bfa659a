"""What reports call the estimators, samplers and solvers. It must know nothing but words."""

# As their authors write them.
NAMES = {
    "imagereward": "ImageReward",
    "pickscore": "PickScore",
    "clip": "CLIP score",
    "hpsv2": "HPSv2",
    "reference": "Reference estimator",
    "random": "Lots",
}
SOLVERS = {"ddim": "DDIM", "unipc": "UniPC", "dpm++": "DPM++"}
SAMPLERS = {"consistency": "multistep consistency", "lcm": "LCM", "add": "ADD"}
