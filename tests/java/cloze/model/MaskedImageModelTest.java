package cloze.model;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.nn.ParameterSource;
import cloze.nn.Parameters;
import cloze.optim.AdamW;
import cloze.optim.Schedule;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import cloze.train.Objective;
import cloze.train.Trainer;
import cloze.train.TrainingConfig;
import cloze.train.TrainingHooks;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Every model of hidden patches learns to predict them. */
class MaskedImageModelTest {
    private static final int BATCH = 4;
    private static final int SIDE = 16;
    private static final int CHANNELS = 3;

    /** Made for these tests: waves of a random direction and colour, so that a patch can be told from its neighbours. */
    static float[] waves(int images, long seed) {
        var random = new SplittableRandom(seed);
        var pixels = new float[images * SIDE * SIDE * CHANNELS];
        int at = 0;
        for (int image = 0; image < images; image++) {
            double across = random.nextDouble(-0.5, 0.5);
            double down = random.nextDouble(-0.5, 0.5);
            double phase = random.nextDouble(6);
            for (int row = 0; row < SIDE; row++) {
                for (int column = 0; column < SIDE; column++) {
                    for (int c = 0; c < CHANNELS; c++) {
                        pixels[at++] = (float) Math.sin(across * column + down * row + phase + c);
                    }
                }
            }
        }
        return pixels;
    }

    private record Waves(MaskedImageModel model, Parameters parameters) implements Objective {
        @Override
        public Tensor loss(Tape tape, long microBatch) {
            Tensor patches = model.patches(tape, waves(BATCH, microBatch % 8));
            return model.losses(tape, patches, model.mask(tape, BATCH, 7, microBatch))
                    .getFirst();
        }

        @Override
        public long unitsPerMicroBatch() {
            return BATCH;
        }

        @Override
        public String unit() {
            return "images";
        }
    }

    /** The mean of the last 100 losses must be below the bound, and the first one above that of predicting nothing. */
    private static void learns(
            Function<ParameterSource, MaskedImageModel> model, int steps, double nothing, double bound)
            throws IOException {
        List<Double> losses = new ArrayList<>();
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                Scope scope = backend.memory().scope("test")) {
            Parameters.Built<MaskedImageModel> built = Parameters.build(backend, scope, 1, model);
            var training = TrainingConfig.of(steps, AdamW.Config.gpt3(2e-3), new Schedule.Cosine(steps / 10, steps, 0));
            TrainingHooks hooks = TrainingHooks.NONE.withListener(event -> {
                if (event instanceof TrainingEvent.Step step) {
                    losses.add(step.loss());
                }
            });
            new Trainer(backend, new Waves(built.model(), built.parameters()), training, hooks, null).run();
        }
        assertThat(losses.getFirst()).isGreaterThan(nothing);
        assertThat(losses.subList(steps - 100, steps).stream()
                        .mapToDouble(Double::doubleValue)
                        .average()
                        .orElseThrow())
                .isLessThan(bound);
    }

    /** Predicting nothing costs 47/48, the mean square of a normalised patch of 4 x 4 x 3. */
    @Test
    void a_masked_autoencoder_learns_to_fill_in() throws IOException {
        learns(p -> new Mae(MaeTest.SMALL, p), 4000, 47.0 / 48, 0.5);
    }

    /** Predicting nothing costs the mean of |sin|, 2 / pi. */
    @Test
    void simmim_learns_to_fill_in() throws IOException {
        learns(p -> new SimMim(SimMimTest.SMALL, p), 2000, 2 / Math.PI, 0.3);
    }
}
