package cloze.train.log;

import java.io.IOException;

/** Is told what happens in a run, in its thread; a failure ends the run. */
@FunctionalInterface
public interface TrainingListener {
    void on(TrainingEvent event) throws IOException;
}
