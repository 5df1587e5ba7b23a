"""Operation of the installation: runs of periodic tasks, mail in files, cleanup, and the operator's pages."""
