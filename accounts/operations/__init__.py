"""Operation of the installation: runs of periodic tasks, mail in files, and the operator's pages."""
