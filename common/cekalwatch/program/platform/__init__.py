"""What differs between Windows and POSIX systems, each thing in one module; elsewhere nobody asks for the system.

On Windows the modules use pywin32, which is installed there only, so they import it within their functions.
"""
