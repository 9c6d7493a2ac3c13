"""The steps of the pipeline, one module each; `pipeline` has their order."""
