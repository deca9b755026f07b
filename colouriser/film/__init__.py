"""Films: cuts, key frames, the frames between them, and containers. It needs PyAV and OpenCV."""
