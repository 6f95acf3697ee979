# 记录图像
images = []
for i in range(5):
    img = visualize_prediction(model, sample_data[i])
    images.append(wandb.Image(img, caption=f"Sample {i}"))
wandb.log({"predictions": images})

# 记录视频
video = wandb.Video("animation.mp4", caption="Training progression")
wandb.log({"animation": video})

# 记录3D点云
point_cloud = wandb.Object3D(open("pointcloud.obj"))
wandb.log({"point_cloud": point_cloud})
