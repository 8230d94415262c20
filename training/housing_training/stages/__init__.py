"""The stages of the pipeline, a module each: `run()` reads and writes the files that `dvc.yaml` declares."""
