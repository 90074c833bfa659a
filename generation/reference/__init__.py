"""The reference world: captioned scenes of coloured shapes whose truth is known.

Must not know who studies it; scenes, pictures, defects and judge work without torch.
"""
