wandb.finish()
