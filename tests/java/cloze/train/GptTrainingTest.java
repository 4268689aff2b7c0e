package cloze.train;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.checkpoint.CheckpointFolder;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.optim.AdamW;
import cloze.optim.Muon;
import cloze.optim.Schedule;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import cloze.train.log.TrainingEvent;
import cloze.train.log.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The trainer on a transformer. */
class GptTrainingTest {
    private static final GptConfig SMALL = new GptConfig(11, 32, 2, 16, Heads.of(2, 8), GptConfig.Style.MODERN, 0.1f);

    @TempDir
    Path temporary;

    /** Random tokens, each twice in a row. */
    private record Doubled(Gpt model, Parameters parameters, int batch) implements Objective {
        static Doubled on(Backend backend, Scope scope, GptConfig config, int batch, boolean recompute) {
            var built = Parameters.build(backend, scope, 5, p -> new Gpt(config, p).withRecompute(recompute));
            return new Doubled(built.model(), built.parameters(), batch);
        }

        @Override
        public Tensor loss(Tape tape, long microBatch) {
            int t = model.config().context();
            var shape = new Shape(batch, t);
            int[] drawn = new SplittableRandom(microBatch)
                    .ints((long) batch * (t / 2 + 1), 0, model.config().vocabulary())
                    .toArray();
            int[] ids = new int[batch * t];
            int[] targets = new int[batch * t];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = drawn[i / 2];
                targets[i] = drawn[(i + 1) / 2];
            }
            Backend backend = tape.backend();
            Tensor x = backend.set(tape.scope().tensor("ids", shape, DType.I32), ids);
            Tensor y = backend.set(tape.scope().tensor("targets", shape, DType.I32), targets);
            return model.loss(tape, x, y);
        }

        @Override
        public long unitsPerMicroBatch() {
            return (long) batch * model.config().context();
        }

        @Override
        public String unit() {
            return "tokens";
        }
    }

    private static TrainingConfig config(long steps) {
        var muon = Muon.Config.of(AdamW.Config.gpt3(0.01));
        return TrainingConfig.of(steps, muon, new Schedule.WarmupStableDecay(Math.min(10, steps), steps, 0))
                .withMicroBatches(2)
                .withSeed(3)
                .withCadence(Cadence.of(0, 0, 20));
    }

    private List<Double> train(Path path, int threads, long until) throws IOException {
        var losses = new ArrayList<Double>();
        try (Backend backend = TinyModel.cpu(threads);
                Scope scope = backend.memory().scope("model");
                RunFolder folder = Files.exists(path) ? RunFolder.resume(path) : RunFolder.create(path)) {
            var trainer = new AtomicReference<Trainer>();
            TrainingListener listener = event -> {
                if (event instanceof TrainingEvent.Step step) {
                    losses.add(step.loss());
                    if (step.step() == until) {
                        trainer.get().requestStop();
                    }
                }
            };
            var objective = Doubled.on(backend, scope, SMALL, 4, false);
            var hooks = TrainingHooks.NONE.withListener(listener);
            trainer.set(new Trainer(backend, objective, config(120), hooks, folder));
            trainer.get().run();
        }
        return losses;
    }

    @Test
    void learns_and_resumes_to_the_same_bits_on_one_thread_and_two() throws IOException {
        Path whole = temporary.resolve("whole");
        List<Double> losses = train(whole, 1, -1);
        assertThat(losses.getFirst()).isBetween(2.2, 2.6);
        assertThat(losses.getLast())
                .isLessThan(losses.getFirst() - 0.5); // half of the tokens can be known: 1.2 at best
        Path pieces = temporary.resolve("pieces");
        List<Double> again = train(pieces, 2, 47);
        again.addAll(train(pieces, 2, -1));
        assertThat(again).isEqualTo(losses);
        try (var one = new CheckpointFolder(whole).latest().orElseThrow();
                var other = new CheckpointFolder(pieces).latest().orElseThrow()) {
            for (String name : one.model().tensors().keySet()) {
                assertThat(one.model().segment(name).mismatch(other.model().segment(name)))
                        .as(name)
                        .isEqualTo(-1);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void the_estimate_is_what_a_run_then_takes(boolean recompute) throws IOException {
        GptConfig gpt = new GptConfig(501, 128, 4, 128, Heads.of(4, 32), GptConfig.Style.GPT2, 0.1f);
        MemoryEstimate.Model model = (backend, scope) -> Doubled.on(backend, scope, gpt, 6, recompute);
        MemoryEstimate estimate = MemoryEstimate.of(model, config(2));
        try (Backend backend = TinyModel.cpu(2);
                Scope scope = backend.memory().scope("model")) {
            new Trainer(backend, model.on(backend, scope), config(2), TrainingHooks.NONE, null).run();
            assertThat(estimate.total()).isEqualTo(backend.memory().peakBytes());
        }
    }
}
