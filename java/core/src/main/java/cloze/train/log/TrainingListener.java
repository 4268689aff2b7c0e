package cloze.train.log;

import java.io.IOException;

/** Receives the events of a run, in its thread; a failure ends the run. */
@FunctionalInterface
public interface TrainingListener {
    void on(TrainingEvent event) throws IOException;
}
