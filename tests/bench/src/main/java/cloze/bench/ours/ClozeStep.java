package cloze.bench.ours;

import cloze.bench.TrainStep;
import cloze.bench.Weights;
import cloze.optim.AdamW;

/** One of our training steps. */
public interface ClozeStep extends TrainStep {
    long SEED = 1;

    /** Of both sides. */
    AdamW.Config ADAM_W = new AdamW.Config(3e-4, 0.9, 0.999, 1e-8, 0.01, true);

    /** The parameters as they are now. */
    Weights weights();
}
