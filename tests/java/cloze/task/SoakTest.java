package cloze.task;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.generate.Sampling;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.optim.AdamW;
import cloze.optim.Schedule;
import cloze.serve.LanguageModel;
import cloze.tensor.Scope;
import cloze.text.TokenBatches;
import cloze.text.Tokens;
import cloze.text.token.CharTokenizer;
import cloze.text.token.Tokenizer;
import cloze.train.Trainer;
import cloze.train.TrainingConfig;
import cloze.train.TrainingHooks;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Long work takes no more memory than short work: 10,000 training steps and 100,000 generated tokens. */
class SoakTest {
    private static final Tokenizer TOKENIZER = CharTokenizer.of("abcdefgh\n");

    private final GptConfig config =
            new GptConfig(TOKENIZER.vocabularySize(), 16, 1, 16, Heads.of(2, 8), GptConfig.Style.MODERN, 0.1f);

    /** What the process keeps alive on the Java heap. */
    private static long heap() {
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }

    @Test
    void memory_is_flat_over_10_000_steps() throws IOException {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                Scope scope = backend.memory().scope("test")) {
            Parameters.Built<Gpt> built = Parameters.build(backend, scope, 1, p -> new Gpt(config, p));
            int[] text =
                    new SplittableRandom(1).ints(5000, 0, config.vocabulary()).toArray();
            var objective = new NextToken(built, new TokenBatches(Tokens.of(text), 2, 16, 1), 2, 16);
            List<long[]> seen = new ArrayList<>();
            TrainingHooks hooks = TrainingHooks.NONE.withListener(event -> {
                if (event instanceof TrainingEvent.Step step && (step.step() == 500 || step.step() == 10_000)) {
                    seen.add(new long[] {
                        backend.memory().bytesMapped(), backend.memory().bytesUsed(), heap()
                    });
                }
            });
            var training = TrainingConfig.of(10_000, AdamW.Config.gpt3(1e-3), new Schedule.Constant(0));
            new Trainer(backend, objective, training, hooks, null).run();
            assertThat(seen.get(1)[0]).as("mapped").isEqualTo(seen.get(0)[0]);
            assertThat(seen.get(1)[1]).as("used").isEqualTo(seen.get(0)[1]);
            assertThat(seen.get(1)[2]).as("heap").isLessThan(seen.get(0)[2] + (2 << 20));
        }
    }

    @Test
    void memory_is_flat_over_100_000_tokens() {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                Scope scope = backend.memory().scope("test")) {
            Parameters.Built<Gpt> built = Parameters.build(backend, scope, 1, p -> new Gpt(config, p));
            try (LanguageModel model = LanguageModel.of(backend, built, TOKENIZER)) {
                generate(model, 5_000);
                long mapped = backend.memory().bytesMapped();
                long heap = heap();
                assertThat(generate(model, 100_000)).isEqualTo(100_000);
                assertThat(backend.memory().bytesMapped()).as("mapped").isEqualTo(mapped);
                assertThat(heap()).as("heap").isLessThan(heap + (2 << 20));
            }
        }
    }

    private static long generate(LanguageModel model, int tokens) {
        long[] characters = {0};
        model.generate("ab", Sampling.DEFAULT.withTokens(tokens), text -> characters[0] += text.length());
        return characters[0];
    }
}
