"""What `groundwatch query` is made of: asking, showing, drawing, and writing to files."""
