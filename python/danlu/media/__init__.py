"""What can be logged besides numbers and texts: pictures, sounds, tables and the like.

A class is in the module of its name. `later` says what of all values is such, `queue` encodes them beside the
training loop, and `base` says where their files go.
"""
