import wandb

# 初始化 WandB 运行
wandb.init(
    project="my-image-classifier",  # 项目名称
    name="resnet-50-experiment",    # 实验名称
    config={                        # 记录超参数
        "learning_rate": 0.001,
        "batch_size": 64,
        "epochs": 20,
        "optimizer": "Adam"
    }
)

# 你的模型代码
model = create_model()

# 训练循环中记录指标
for epoch in range(config.epochs):
    train_loss = train_epoch(model)
    val_loss, val_acc = validate(model)

    # 记录指标到 WandB
    wandb.log({
        "epoch": epoch,
        "train_loss": train_loss,
        "val_loss": val_loss,
        "val_accuracy": val_acc
    })

    # 保存模型检查点
    torch.save(model.state_dict(), "model.pth")
    wandb.save("model.pth")  # 上传到 WandB

# 结束运行
wandb.finish()
