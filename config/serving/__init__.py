"""The embedded server: uvicorn with limits on clients, immediate responses, and the components of a process."""
