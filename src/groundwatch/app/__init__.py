"""The composition root: builds every object from the settings, and runs the two ports.

The only room that knows all others. Here one room's object is handed to another as the small interface it asks for.
"""
