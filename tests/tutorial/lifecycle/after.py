assert (run.resumed, run.step, run.config.lr) == (True, 5, 0.1)
run.log({"loss": 0.1})
with open("told.txt", "w") as file:
    file.write(best_run.name)
