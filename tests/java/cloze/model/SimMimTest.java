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
import cloze.recipe.Encoders;
import cloze.recipe.Models;
import cloze.recipe.Recipes;
import cloze.recipe.SavedModels;
import cloze.recipe.StoredRun;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SimMimTest {
    private static final int BATCH = 4;

    static final SimMimConfig SMALL = SimMimConfig.of(new VitConfig(16, 3, 4, new Stack(2, 32, 2)));

    private interface Use {
        void with(Backend backend, Tape tape, Parameters.Built<SimMim> built) throws IOException;
    }

    private static void use(Use use) throws IOException {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                Scope scope = backend.memory().scope("test")) {
            use.with(
                    backend,
                    Tape.inference(backend, scope),
                    Parameters.build(backend, scope, 1, p -> new SimMim(SMALL, p)));
        }
    }

    @Test
    void the_paper_hides_squares_of_32_pixels() {
        SimMimConfig paper = SimMimConfig.of(MaeConfig.preset("vit-base").vit());
        assertThat(paper.square() * paper.encoder().patch()).isEqualTo(32);
        assertThat(paper.square()).isEqualTo(2);
        assertThat(new SimMimConfig(paper.encoder(), 32, 0.6).square()).isEqualTo(2);
        assertThat(paper.ratio()).isEqualTo(0.6);
        assertThatThrownBy(() -> new SimMimConfig(paper.encoder(), 40, 0.6))
                .hasMessage("SimMimConfig: maskPatch must be a multiple of the patch, 16, and divide the image, 224, "
                        + "but it is 40");
    }

    @Test
    void adds_one_token_and_one_layer_to_the_encoder() {
        long encoder = Parameters.count(p -> new Vit(SMALL.encoder(), p));
        long all = Parameters.count(p -> new SimMim(SMALL, p));
        assertThat(all - encoder).isEqualTo(32 + 32 * 48 + 48);
    }

    @Test
    void the_loss_is_the_mean_absolute_error_of_hidden_pixels() throws IOException {
        use((backend, tape, built) -> {
            SimMim model = built.model();
            RandomMask mask = model.mask(tape, BATCH, 2, 3);
            Tensor patches = model.patches(tape, MaskedImageModelTest.waves(BATCH, 1));
            int[] hidden = backend.ints(mask.mask());
            float[] target = backend.floats(patches);
            float[] predicted = backend.floats(model.predict(tape, patches, mask));
            double sum = 0;
            int count = 0;
            for (int i = 0; i < target.length; i++) {
                if (hidden[i / 48] == 1) {
                    sum += Math.abs(predicted[i] - target[i]);
                    count++;
                }
            }
            assertThat(count).isEqualTo(BATCH * 3 * 4 * 48); // 3 of 4 squares of 4 patches
            float loss = backend.scalar(model.losses(tape, patches, mask).getFirst());
            assertThat((double) loss).isCloseTo(sum / count, within(1e-5));
        });
    }

    @Test
    void hidden_pixels_change_no_prediction_but_where_they_are_does() throws IOException {
        use((backend, tape, built) -> {
            SimMim model = built.model();
            RandomMask mask = model.mask(tape, BATCH, 2, 3);
            int[] hidden = backend.ints(mask.mask());
            Tensor patches = model.patches(tape, MaskedImageModelTest.waves(BATCH, 1));
            float[] predicted = backend.floats(model.predict(tape, patches, mask));
            for (int which = 0; which < 2; which++) {
                float[] values = backend.floats(patches);
                for (int i = 0; i < values.length; i++) {
                    values[i] += hidden[i / 48] == which ? i % 5 - 1.5f : 0;
                }
                Tensor other = model.patches(tape, MaskedImageModelTest.waves(BATCH, 1));
                backend.set(other, values);
                float[] again = backend.floats(model.predict(tape, other, mask));
                if (which == 1) {
                    assertThat(again).isEqualTo(predicted);
                } else {
                    assertThat(again).isNotEqualTo(predicted);
                }
            }
            RandomMask elsewhere = model.mask(tape, BATCH, 2, 4);
            assertThat(backend.floats(model.predict(tape, patches, elsewhere))).isNotEqualTo(predicted);
        });
    }

    @Test
    void a_run_folder_loads_back_and_gives_its_encoder(@TempDir Path folder) throws IOException {
        use((backend, tape, built) -> {
            SavedModels.save(
                    folder, Recipes.SIMMIM, Recipes.SIMMIM.preset().withModel(SMALL), built.parameters(), backend);
            var back = Models.maskedImages(folder, backend, tape.scope());
            assertThat(((SimMim) back.model()).config()).isEqualTo(SMALL);
            for (Tensor parameter : built.parameters().tensors()) {
                assertThat(backend.floats(back.built().parameters().named(parameter.name())))
                        .as(parameter.name())
                        .isEqualTo(backend.floats(parameter));
            }
            Vit encoder = Encoders.load(folder, 16, backend, tape.scope()).model();
            Tensor patches = encoder.patches(tape, MaskedImageModelTest.waves(BATCH, 1));
            assertThat(backend.floats(encoder.features(tape, patches)))
                    .isEqualTo(backend.floats(built.model().encoder().features(tape, patches)));
            Path config = folder.resolve("config.json");
            Files.writeString(config, Files.readString(config).replace("\"maskPatch\" : 0", "\"maskPatch\" : 6"));
            assertThatThrownBy(() -> StoredRun.read(folder))
                    .hasMessage(config + ": SimMimConfig: maskPatch must be a multiple of the patch, 4, and divide the "
                            + "image, 16, but it is 6");
        });
    }
}
