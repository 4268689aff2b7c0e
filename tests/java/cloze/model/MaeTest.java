package cloze.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.nn.Parameters;
import cloze.nn.RandomMask;
import cloze.nn.Stack;
import cloze.op.MaskedMse;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MaeTest {
    private static final int BATCH = 4;

    static final MaeConfig SMALL = MaeConfig.preset("vit-tiny-32")
            .withImage(16, 3, 4)
            .withEncoder(new Stack(2, 32, 2))
            .withDecoder(new Stack(1, 16, 2));

    private interface Use {
        void with(Backend backend, Tape tape, Mae mae);
    }

    private static void use(MaeConfig config, Use use) {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                Scope scope = backend.memory().scope("test")) {
            Mae mae =
                    Parameters.build(backend, scope, 1, p -> new Mae(config, p)).model();
            use.with(backend, Tape.inference(backend, scope), mae);
        }
    }

    /**
     * As the paper's code, which has 111,907,840 for ViT-Base and 329,541,888 for ViT-Large, less its two tables of fixed
     * positions, 197 rows each, which we do not store.
     */
    @ParameterizedTest
    @CsvSource({"vit-base, 111907840, 768", "vit-large, 329541888, 1024"})
    void has_the_paper_s_parameters(String preset, long published, int width) {
        long count = Parameters.count(p -> new Mae(MaeConfig.preset(preset), p));
        assertThat(count).isEqualTo(published - 197L * (width + 512));
    }

    @Test
    void encoder_sees_a_quarter_of_the_tokens() {
        use(SMALL, (_, tape, mae) -> {
            Tensor patches = mae.patches(tape, MaskedImageModelTest.waves(BATCH, 1));
            Tensor latent =
                    mae.encode(tape, patches, mae.mask(tape, BATCH, 2, 3).idsKeep());
            assertThat(latent.shape().extents()).containsExactly(BATCH, 1 + SMALL.patches() / 4, 32);
            System.out.printf(
                    Locale.ROOT,
                    "mae: the encoder takes %d of %d tokens, %.2f of the work%n",
                    1 + SMALL.kept(),
                    1 + SMALL.patches(),
                    (1.0 + SMALL.kept()) / (1 + SMALL.patches()));
        });
    }

    @Test
    void hidden_pixels_change_no_prediction_and_seen_ones_no_target() {
        use(SMALL, (backend, tape, mae) -> {
            RandomMask mask = mae.mask(tape, BATCH, 2, 3);
            int[] hidden = backend.ints(mask.mask());
            Tensor patches = mae.patches(tape, MaskedImageModelTest.waves(BATCH, 1));
            float[] values = backend.floats(patches);
            Tensor otherHidden = mae.patches(tape, MaskedImageModelTest.waves(BATCH, 1));
            Tensor otherSeen = mae.patches(tape, MaskedImageModelTest.waves(BATCH, 1));
            backend.set(otherHidden, changed(values, hidden, 1));
            backend.set(otherSeen, changed(values, hidden, 0));
            Tensor predicted = mae.predict(tape, patches, mask);
            assertThat(backend.floats(mae.predict(tape, otherHidden, mask))).isEqualTo(backend.floats(predicted));
            assertThat(backend.floats(mae.predict(tape, otherSeen, mask))).isNotEqualTo(backend.floats(predicted));
            assertThat(loss(backend, tape, predicted, otherSeen, mask))
                    .isEqualTo(loss(backend, tape, predicted, patches, mask));
            assertThat(loss(backend, tape, predicted, otherHidden, mask))
                    .isNotEqualTo(loss(backend, tape, predicted, patches, mask));
        });
    }

    private static float loss(Backend backend, Tape tape, Tensor predicted, Tensor target, RandomMask mask) {
        return backend.scalar(tape.applyAll(new MaskedMse(predicted, target, mask.mask(), false))
                .getFirst());
    }

    private static float[] changed(float[] patches, int[] hidden, int which) {
        float[] other = patches.clone();
        int n = patches.length / hidden.length;
        for (int i = 0; i < other.length; i++) {
            if (hidden[i / n] == which) {
                other[i] += i % 5 - 1.5f;
            }
        }
        return other;
    }

    @Test
    void features_are_a_row_an_image_whatever_the_batch() {
        use(SMALL, (backend, tape, mae) -> {
            float[] two = backend.floats(mae.features(tape, mae.patches(tape, MaskedImageModelTest.waves(2, 1))));
            float[] one = backend.floats(mae.features(tape, mae.patches(tape, MaskedImageModelTest.waves(1, 1))));
            assertThat(two).hasSize(2 * 32);
            for (int i = 0; i < one.length; i++) {
                assertThat(two[i]).isCloseTo(one[i], within(1e-5f));
            }
        });
    }

    @Test
    void sizes_that_do_not_fit_are_refused() {
        assertThatThrownBy(() -> SMALL.withImage(28, 1, 5))
                .hasMessage("VitConfig: images of 28 x 28 pixels can not be cut into patches of 5 x 5");
        assertThatThrownBy(() -> SMALL.withRatio(0.96))
                .hasMessage("the ratio of hidden patches must be in [0, 0.95], but it is 0.96");
        assertThatThrownBy(() -> MaeConfig.preset("vit-giant"))
                .hasMessageContaining("no preset 'vit-giant'; there is: vit-nano-32, vit-tiny-32");
    }
}
