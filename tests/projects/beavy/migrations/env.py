from bridge.revisions import run_environment

run_environment()
