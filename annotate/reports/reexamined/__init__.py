"""The paper re-examined in a world whose truth is known: pictures on a shelf in, a report out."""
