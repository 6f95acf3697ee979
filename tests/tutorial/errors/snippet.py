try:
    # 训练代码
except Exception as e:
    wandb.alert(
        title="Training Failed",
        text=f"Error: {str(e)}"
    )
    raise
