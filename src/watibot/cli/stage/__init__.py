"""What `watibot demo` and `watibot rehearse` share: processes, virtual guests, journals, a screen.

The commands are before it; the emulators' control routes and the running service are after it.
"""
