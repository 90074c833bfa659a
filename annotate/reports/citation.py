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
    return entries(
        uid=report.uid,
        name=report.name,
        what="human preference report",
        year=(report.last_change or report.generated_at).year,
        protocol_hash=report.protocol_hash,
        simulated=report.simulated,
        also=(PAPER, CHECKLIST),
    )


def entries(
    *,
    uid: str,
    name: str,
    what: str,
    year: int | None,
    protocol_hash: str,
    simulated: bool,
    also: tuple[str, ...] = (PAPER,),
) -> str:
    """A study's entry, the software's, and those of the papers it rests on."""
    short = f"{protocol_hash[:4]} {protocol_hash[4:8]}"
    safe = re.sub(r"[{}\\]", " ", name)
    safe = re.sub(r"([&%$#_])", r"\\\1", safe)
    programs = ", simulated annotators" if simulated else ""
    study = (
        f"@misc{{triptych-{uid[:8]},\n"
        f"  title = {{{safe}: {what}{programs}}},\n"
        + (f"  year  = {{{year}}},\n" if year else "")
        + f"  note  = {{Triptych study {uid}, protocol {short}}}\n"
        "}"
    )
    software = (
        "@software{triptych,\n"
        "  title   = {Triptych: side-by-side human evaluation of text-to-image models},\n"
        f"  version = {{{VERSION}}}\n"
        "}"
    )
    return "\n\n".join((study, software, *also))
