"""The process and the machine beneath: messages, threads, memory."""
