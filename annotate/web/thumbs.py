"""Small pictures for the sample browser, made when they are first looked at.

It must not decide who may see a picture: the views that use it do.
"""

from collections.abc import Iterable

from django.urls import reverse

from annotate.sampling.media import gallery_url, sized_url
from annotate.sampling.models import Image, ImageVariant, Sample
from annotate.sampling.storage import fit
from annotate.studies.models import Study

# Longest side; twice what the grid shows, for dense screens.
SIDE = 384


def thumb_size(image: Image) -> tuple[int, int]:
    """The picture's size with its longest side at most SIDE."""
    scale = min(1.0, SIDE / max(image.width, image.height))
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))


def stored_thumbs(images: Iterable[Image]) -> set[int]:
    """Keys of the images whose small version is there, or that need none."""
    sizes = {image.pk: (image, thumb_size(image)) for image in images}
    there = ImageVariant.objects.filter(image__in=sizes).values_list("image", "width", "height")
    found = {pk for pk, width, height in there if sizes[pk][1] == (width, height)}
    return found | {pk for pk, (i, size) in sizes.items() if size == (i.width, i.height)}


def thumb_url(study: Study, sample: Sample, *, stored: bool) -> str:
    """Where the small version lies; the first look makes it."""
    image = sample.image
    assert image is not None
    if not stored:
        return reverse("study-thumb", args=[study.uid, sample.pk])
    size = thumb_size(image)
    return gallery_url(image) if size == (image.width, image.height) else sized_url(image, *size)


def make_thumb(image: Image) -> str:
    """Make the small version and give its address."""
    size = thumb_size(image)
    if size == (image.width, image.height):
        return gallery_url(image)
    fit(image, *size)
    return sized_url(image, *size)
