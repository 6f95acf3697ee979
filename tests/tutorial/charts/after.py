for val_loss, val_accuracy in ((0.9, 0.5), (0.4, 0.8), (0.6, 0.7)):
    wandb.log({"val_loss": val_loss, "val_accuracy": val_accuracy})
