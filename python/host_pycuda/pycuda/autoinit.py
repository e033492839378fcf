"""Importing this makes a context on the one device."""

import pycuda.driver as cuda

cuda.init()
device = cuda.Device(0)
context = device.make_context()
