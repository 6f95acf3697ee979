# 添加系统监控
wandb.init(settings=wandb.Settings(_disable_stats=False))

# 自定义资源日志
import psutil
wandb.log({
    "cpu_usage": psutil.cpu_percent(),
    "gpu_mem": torch.cuda.memory_allocated() / 1e9
})
