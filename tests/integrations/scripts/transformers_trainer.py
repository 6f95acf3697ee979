import sys

import torch
from report import report
from transformers import DistilBertConfig, DistilBertForSequenceClassification, Trainer, TrainingArguments

config = DistilBertConfig(
    vocab_size=50, dim=16, hidden_dim=32, n_layers=1, n_heads=2, max_position_embeddings=16
)
torch.manual_seed(1)


class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, n):
        return {
            "input_ids": torch.arange(8) + n % 40,
            "attention_mask": torch.ones(8, dtype=int),
            "labels": n % 2,
        }


trainer = Trainer(
    DistilBertForSequenceClassification(config),
    TrainingArguments(
        "out",
        num_train_epochs=2,
        per_device_train_batch_size=8,
        logging_steps=2,
        evaluation_strategy="epoch",
        save_strategy="epoch",
        report_to=["wandb"],
        run_name="tiny",
        use_cpu=True,
        disable_tqdm=True,
    ),
    train_dataset=Data(),
    eval_dataset=Data(),
)
trainer.train()
report(history=trainer.state.log_history, parameters=trainer.model.num_parameters())
if "finish" in sys.argv:
    import wandb

    wandb.finish()
