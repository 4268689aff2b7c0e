package cloze.measure;

import cloze.backend.Backend;
import cloze.image.ImageBatch;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.model.GptPlan;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.task.MaskedPatches;
import cloze.task.NextToken;
import cloze.tensor.Scope;
import cloze.text.Tokens;
import cloze.train.Objective;
import java.util.SplittableRandom;

/** The training step of a model on random data, made on the host anew for each step as in a run. */
public sealed interface StepCase {
    String name();

    /** Sizes, so that a program can read them: "L12 D768 H12 V50257 B16 T1024". */
    String shape();

    /** Operations of forward and backward, two for each multiply-add; nothing for what is computed again. */
    double flops();

    /** @param scope owns the model */
    Objective objective(Backend backend, Scope scope);

    /** A language model as {@link GptConfig} names it, over its whole context. */
    static StepCase gpt(String name, String preset, int batch) {
        return new GptStep(name, GptConfig.preset(preset), batch);
    }

    /** A masked autoencoder as {@link MaeConfig} names it. */
    static StepCase mae(String name, String preset, int batch) {
        return new MaeStep(name, MaeConfig.preset(preset), batch);
    }

    static StepCase toyGpt() {
        return new GptStep("gpt-toy", new GptConfig(17, 16, 1, 32, Heads.of(2, 16), GptConfig.Style.GPT2, 0), 2);
    }

    static StepCase toyMae() {
        var stack = new MaeConfig.Stack(1, 32, 2);
        return new MaeStep("mae-toy", new MaeConfig(16, 3, 4, stack, stack, 0.75, true), 2);
    }

    /** Next tokens. */
    record GptStep(String name, GptConfig config, int batch) implements StepCase {
        /** Batches of the text, after which it begins again. */
        private static final int BATCHES = 4;

        @Override
        public String shape() {
            return "L%d D%d H%d V%d B%d T%d"
                    .formatted(
                            config.layers(),
                            config.width(),
                            config.heads().queries(),
                            config.vocabulary(),
                            batch,
                            config.context());
        }

        /** Causal attention by half. */
        @Override
        public double flops() {
            double products = 6.0 * GptPlan.of(config, 1).activeParameters();
            double attention = 6.0 * config.layers() * config.heads().inner() * config.context();
            return batch * (double) config.context() * (products + attention);
        }

        @Override
        public Objective objective(Backend backend, Scope scope) {
            Parameters.Built<Gpt> built = Parameters.build(backend, scope, 1, p -> new Gpt(config, p));
            int[] ids = new SplittableRandom(1)
                    .ints((long) BATCHES * batch * config.context() + 1, 0, config.vocabulary())
                    .toArray();
            return new NextToken(built.model(), built.parameters(), Tokens.of(ids), batch, config.context(), 1);
        }
    }

    /** Hidden patches. */
    record MaeStep(String name, MaeConfig config, int batch) implements StepCase {
        @Override
        public String shape() {
            return "I%d P%d L%d D%d H%d l%d d%d h%d B%d"
                    .formatted(
                            config.image(),
                            config.patch(),
                            config.encoder().layers(),
                            config.encoder().width(),
                            config.encoder().heads(),
                            config.decoder().layers(),
                            config.decoder().width(),
                            config.decoder().heads(),
                            batch);
        }

        @Override
        public double flops() {
            int width = config.encoder().width();
            int narrow = config.decoder().width();
            double seen = config.kept() + 1;
            double all = config.patches() + 1;
            double ends = 2.0 * config.pixels() * (config.patches() * (double) width + all * narrow);
            double between = 2.0 * seen * width * narrow;
            return 3 * batch * (ends + between + flops(config.encoder(), seen) + flops(config.decoder(), all));
        }

        private static double flops(MaeConfig.Stack stack, double tokens) {
            double width = stack.width();
            return stack.layers() * tokens * (24 * width * width + 4 * tokens * width);
        }

        @Override
        public Objective objective(Backend backend, Scope scope) {
            Parameters.Built<Mae> built = Parameters.build(backend, scope, 1, p -> new Mae(config, p));
            var random = new SplittableRandom(1);
            var pixels = new float[batch * config.image() * config.image() * config.channels()];
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = (float) random.nextGaussian();
            }
            var images = new ImageBatch(pixels, new int[batch]);
            return new MaskedPatches(built.model(), built.parameters(), _ -> images, batch, 1);
        }
    }
}
