"""What the command line's commands do, without the command line."""
