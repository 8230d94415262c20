"""The stages of the pipeline, a module each: `run()` goes from files to files, as `dvc.yaml` declares them."""
