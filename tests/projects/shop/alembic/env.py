from bridge.revisions import run_environment

print("The words of an env.py.")
run_environment()
