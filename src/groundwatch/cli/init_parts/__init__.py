"""The pieces that `groundwatch init` puts together; `@{name}` in them is filled in."""
