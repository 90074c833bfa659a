"""What reports call the estimators. It must know nothing but words."""

# As their authors write them.
NAMES = {
    "imagereward": "ImageReward",
    "pickscore": "PickScore",
    "clip": "CLIP score",
    "hpsv2": "HPSv2",
    "reference": "Reference estimator",
    "random": "Lots",
}
