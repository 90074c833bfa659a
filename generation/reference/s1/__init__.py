"""World S1: one coloured shape on a plain ground, 16 x 16 pixels, small enough to train on a desk.

Must not know who studies it; `words`, `draw` and `judge` work without torch.
"""
