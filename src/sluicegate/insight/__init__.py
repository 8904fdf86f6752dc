"""What can be seen: traces, metrics and logs, none of which holds text of a prompt or an answer."""
