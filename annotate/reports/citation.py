"""BibTeX of a report: the study, the software, the paper whose protocol it repeats.

It must not know pages.
"""

import re

from annotate.reports.analyses import VERSION
from annotate.reports.report import Report

PAPER = """@inproceedings{starodubcev2024student,
  title     = {Your Student is Better Than Expected: Adaptive Teacher-Student Collaboration
               for Text-Conditional Diffusion Models},
  author    = {Starodubcev, Nikita and others},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2024},
  note      = {arXiv:2312.10835}
}"""
CHECKLIST = """@inproceedings{otani2023verifiable,
  title     = {Toward Verifiable and Reproducible Human Evaluation for Text-to-Image Generation},
  author    = {Otani, Mayu and others},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year      = {2023}
}"""


def bibtex(report: Report) -> str:
    """Entries in the order in which a paper would cite them."""
    short = f"{report.protocol_hash[:4]} {report.protocol_hash[4:8]}"
    year = (report.last_change or report.generated_at).year
    safe = re.sub(r"[{}\\]", " ", report.name)
    safe = re.sub(r"([&%$#_])", r"\\\1", safe)
    programs = ", simulated annotators" if report.simulated else ""
    study = (
        f"@misc{{triptych-{report.uid[:8]},\n"
        f"  title = {{{safe}: human preference report{programs}}},\n"
        f"  year  = {{{year}}},\n"
        f"  note  = {{Triptych study {report.uid}, protocol {short}}}\n"
        "}"
    )
    software = (
        "@software{triptych,\n"
        "  title   = {Triptych: side-by-side human evaluation of text-to-image models},\n"
        f"  version = {{{VERSION}}}\n"
        "}"
    )
    return "\n\n".join((study, software, PAPER, CHECKLIST))
