import wandb
from report import report
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import train_test_split

run = wandb.init(project="sklearn")
x, y = make_classification(200, n_features=4, n_informative=3, n_redundant=1, random_state=1)
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=1)
model = LogisticRegression().fit(x_train, y_train)
said, scores = model.predict(x_test), model.predict_proba(x_test)
wandb.sklearn.plot_confusion_matrix(y_test, said, ["no", "yes"])
wandb.sklearn.plot_roc(y_test, scores, ["no", "yes"])
wandb.sklearn.plot_summary_metrics(model, x_train, y_train, x_test, y_test)
run.log({"accuracy": accuracy_score(y_test, said)})
report(accuracy=accuracy_score(y_test, said), confusion=confusion_matrix(y_test, said).tolist())
run.finish()
