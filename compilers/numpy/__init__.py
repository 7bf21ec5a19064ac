"""The NumPy target: a program of kernels, vectorised over time and batch outside the scans."""
