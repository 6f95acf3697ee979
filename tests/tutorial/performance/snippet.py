# 减少日志频率
wandb.init(settings=wandb.Settings(_log_level="info"))

# 自定义日志间隔
if epoch % 5 == 0:
    wandb.log(...)

# 选择性保存文件
wandb.save("*.pt")  # 只保存模型文件
