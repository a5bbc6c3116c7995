"""Where metrics go beside the run folder: wandb, TensorBoard, trackio, or a tracker of another package. Independent of
what is measured."""
