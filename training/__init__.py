"""The training side: recipe, RL loop, pipeline, engines, backends and the cluster. Import as `openqwq.training`."""

if __name__ == "training":
    raise ImportError("this folder is imported as `openqwq.training`, not as `training`")
