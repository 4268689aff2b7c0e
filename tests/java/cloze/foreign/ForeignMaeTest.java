package cloze.foreign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.Safetensors;
import cloze.image.Normalization;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.model.Vit;
import cloze.nn.Parameters;
import cloze.nn.RandomMask;
import cloze.nn.Stack;
import cloze.op.Device;
import cloze.recipe.Models;
import cloze.recipe.Preset;
import cloze.recipe.Recipes;
import cloze.recipe.SavedModels;
import cloze.recipe.StoredRun;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Weights of an independent implementation, and what it computes with them. */
class ForeignMaeTest {
    private static final Companions IMAGENET = Companions.of(Normalization.IMAGENET, List.of());

    @TempDir
    Path folder;

    private interface Use<M> {
        void with(Backend backend, Tape tape, Parameters.Built<M> built) throws IOException;
    }

    private interface Load<M> {
        Parameters.Built<M> from(Backend backend, Scope scope) throws IOException;
    }

    private static <M> void use(Device device, Load<M> load, Use<M> use) throws IOException {
        try (Backend backend = device.open(2);
                Scope scope = backend.memory().scope("test")) {
            use.with(backend, Tape.recording(backend, scope, 0, 0), load.from(backend, scope));
        }
    }

    private static <M> void use(Load<M> load, Use<M> use) throws IOException {
        use(Device.all().getFirst(), load, use);
    }

    private static Load<Mae> mae(Path path) {
        return (backend, scope) -> ForeignMae.HUGGING_FACE.load(path, backend, scope);
    }

    static Stream<Arguments> devices() {
        return Device.all().stream()
                .flatMap(device -> Stream.of(Arguments.of(device, false), Arguments.of(device, true)));
    }

    @ParameterizedTest(name = "{0}, normalised {1}")
    @MethodSource("devices")
    void loss_prediction_and_gradients_are_those_of_the_independent_implementation(Device device, boolean normalize)
            throws IOException {
        String label = normalize ? "normalized" : "plain";
        Path copy = GoldenMae.copy(folder, json -> json.replace("pix_loss\": false", "pix_loss\": " + normalize));
        use(device, mae(copy), (backend, tape, built) -> {
            Mae mae = built.model();
            RandomMask mask = mae.mask(tape, GoldenMae.floats("noise"));
            Tensor patches = mae.patches(tape, GoldenMae.floats("images"));
            assertThat(backend.ints(mask.mask())).isEqualTo(GoldenMae.ints("mask"));
            assertClose(backend.floats(mae.predict(tape, patches, mask)), GoldenMae.floats("prediction"), "prediction");
            Tensor loss = mae.losses(tape, patches, mask).getFirst();
            assertClose(backend.floats(loss), GoldenMae.floats("loss_" + label), "loss");
            tape.backward(loss, built.parameters().accumulator());
            Map<String, Layout.Values> expected = gradients(built.parameters(), mae.config(), label);
            for (Tensor parameter : built.parameters().tensors()) {
                float[] actual = backend.floats(built.parameters().gradient(parameter));
                assertClose(actual, floats(expected, parameter.name()), "gradient of " + parameter.name());
            }
        });
    }

    /** Gradients are stored like what they belong to. */
    private static Map<String, Layout.Values> gradients(Parameters parameters, MaeConfig c, String label)
            throws IOException {
        var values = new LinkedHashMap<String, Layout.Values>();
        for (Tensor parameter : parameters.tensors()) {
            float[] room = new float[(int) parameter.shape().size()];
            values.put(parameter.name(), new Layout.Values(parameter.shape(), MemorySegment.ofArray(room)));
        }
        try (var file = Safetensors.open(GoldenMae.folder().resolve("gradients_" + label + ".safetensors"))) {
            VitLayout.huggingFace(c.encoder().layers(), c.decoder().layers(), c.channels())
                    .layout()
                    .read(file, values);
        }
        return values;
    }

    private static float[] floats(Map<String, Layout.Values> values, String name) {
        assertThat(values).containsKey(name);
        return values.get(name).floats().toArray(ValueLayout.JAVA_FLOAT);
    }

    /** To 1e-4 of the largest. */
    private static void assertClose(float[] actual, float[] expected, String what) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        float largest = 0;
        for (float value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        assertThat(largest).as(what).isPositive();
        for (int i = 0; i < actual.length; i++) {
            assertThat(actual[i]).as(what).isCloseTo(expected[i], within(1e-4f * largest));
        }
    }

    private static List<String> names(Parameters parameters) {
        return parameters.tensors().stream().map(Tensor::name).toList();
    }

    private static void assertSame(Backend backend, Parameters actual, Backend other, Parameters expected) {
        assertThat(names(actual)).isEqualTo(names(expected));
        for (Tensor parameter : expected.tensors()) {
            assertThat(backend.floats(actual.named(parameter.name())))
                    .as(parameter.name())
                    .isEqualTo(other.floats(parameter));
        }
    }

    @Test
    void a_run_folder_loads_back_bit_for_bit() throws IOException {
        use(mae(GoldenMae.folder()), (backend, tape, built) -> {
            Preset<MaeConfig> preset =
                    Recipes.MAE.preset().withModel(built.model().config());
            SavedModels.save(folder, Recipes.MAE, preset, built.parameters(), backend);
            assertThat(StoredRun.read(folder).preset()).isEqualTo(preset);
            Parameters back =
                    Models.maskedImages(folder, backend, tape.scope()).built().parameters();
            assertSame(backend, back, backend, built.parameters());
        });
    }

    @Test
    void an_export_has_the_bytes_of_the_independent_file() throws IOException {
        use(
                mae(GoldenMae.folder()),
                (backend, _, built) -> assertThat(ForeignMae.HUGGING_FACE.save(folder, built, IMAGENET, backend))
                        .containsExactly("config.json", "preprocessor_config.json", "model.safetensors"));
        assertThat(ForeignMae.config(folder)).isEqualTo(ForeignMae.config(GoldenMae.folder()));
        assertThat(ForeignMae.HUGGING_FACE.companions(folder)).isEqualTo(IMAGENET);
        try (var ours = Safetensors.open(folder);
                var theirs = Safetensors.open(GoldenMae.folder())) {
            assertThat(ours.tensors().keySet()).isEqualTo(theirs.tensors().keySet());
            for (String name : theirs.tensors().keySet()) {
                assertThat(ours.tensor(name).shape())
                        .as(name)
                        .isEqualTo(theirs.tensor(name).shape());
                if (!name.contains("pos")) { // whose last bit may differ
                    assertThat(ours.segment(name).mismatch(theirs.segment(name)))
                            .as(name)
                            .isEqualTo(-1);
                }
            }
        }
    }

    @Test
    void the_paper_s_names_load_back_with_the_sizes_that_the_file_does_not_tell() throws IOException {
        Path copy = GoldenMae.copy(folder.resolve("golden"), json -> json.replace("1e-12", "1e-06"));
        use(mae(copy), (backend, tape, built) -> {
            ForeignMae.PAPER.save(folder, built, IMAGENET, backend);
            assertThat(folder.resolve("config.json")).doesNotExist();
            try (var file = Safetensors.open(folder)) {
                assertThat(file.tensor("patch_embed.proj.weight").shape()).isEqualTo(new Shape(16, 3, 4, 4));
                assertThat(file.tensor("blocks.1.attn.qkv.weight").shape()).isEqualTo(new Shape(48, 16));
                assertThat(file.tensor("decoder_pos_embed").shape()).isEqualTo(new Shape(1, 26, 8));
            }
            Parameters.Built<Mae> back =
                    ForeignMae.loadPaper(folder, built.model().config(), backend, tape.scope());
            assertSame(backend, back.parameters(), backend, built.parameters());
        });
    }

    @Test
    void a_format_without_a_place_for_a_setting_is_refused() throws IOException {
        use(
                mae(GoldenMae.folder()),
                (backend, _, built) -> assertThatThrownBy(() -> ForeignMae.TIMM.save(folder, built, IMAGENET, backend))
                        .hasMessage("timm has no place for norms with epsilons of 1.0E-12 and 1.0E-12"));
    }

    @ParameterizedTest
    @EnumSource(
            value = ForeignMae.class,
            names = {"HUGGING_FACE", "PAPER"})
    void learned_positions_are_kept_on_both_sides(ForeignMae format) throws IOException {
        MaeConfig config = SMALL.withEncoder(SMALL.encoder().withPositions(Stack.Positions.LEARNED))
                .withDecoder(SMALL.decoder().withPositions(Stack.Positions.LEARNED));
        use(
                (backend, scope) -> Parameters.build(backend, scope, 5, p -> new Mae(config, p)),
                (backend, tape, built) -> {
                    format.save(folder, built, IMAGENET, backend);
                    Parameters.Built<Mae> back = format == ForeignMae.PAPER
                            ? ForeignMae.loadPaper(folder, SMALL, backend, tape.scope())
                            : format.load(folder, backend, tape.scope());
                    assertThat(back.model().config()).isEqualTo(config);
                    assertSame(backend, back.parameters(), backend, built.parameters());
                });
    }

    private static final MaeConfig SMALL = MaeConfig.preset("vit-tiny-32")
            .withImage(16, 3, 4)
            .withEncoder(new Stack(2, 32, 2))
            .withDecoder(new Stack(1, 16, 2));

    @ParameterizedTest(name = "{0}")
    @MethodSource("anyDevice")
    void learned_positions_are_learned_on_every_device(Device device) throws IOException {
        MaeConfig config = SMALL.withEncoder(SMALL.encoder().withPositions(Stack.Positions.LEARNED));
        use(
                device,
                (backend, scope) -> Parameters.build(backend, scope, 5, p -> new Mae(config, p)),
                (backend, tape, built) -> {
                    Mae mae = built.model();
                    float[] images = normal(2 * 16 * 16 * 3);
                    RandomMask mask = mae.mask(tape, 2, 5, 6);
                    Tensor loss =
                            mae.losses(tape, mae.patches(tape, images), mask).getFirst();
                    int[] hidden = backend.ints(mask.mask());
                    tape.backward(loss, built.parameters().accumulator());
                    float[] gradient = backend.floats(
                            built.parameters().gradient(built.parameters().named(Vit.POSITIONS)));
                    for (int patch = 0; patch < 16; patch++) {
                        boolean seen = hidden[patch] == 0 || hidden[16 + patch] == 0;
                        float[] row = Arrays.copyOfRange(gradient, patch * 32, (patch + 1) * 32);
                        assertThat(Arrays.equals(row, new float[32]))
                                .as("patch %d", patch)
                                .isEqualTo(!seen);
                    }
                });
    }

    private static float[] normal(int count) {
        var random = new SplittableRandom(3);
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    static List<Device> anyDevice() {
        return Device.all();
    }

    @Test
    void all_that_does_not_fit_is_said_at_once() throws IOException {
        Path file = GoldenMae.changed(
                folder,
                GoldenMae.Change.NONE
                        .without("decoder.decoder_pred.bias")
                        .with("vit.pooler.dense.weight", new float[4], 2, 2)
                        .with("vit.embeddings.cls_token", new float[16], 1, 16));
        assertThatThrownBy(() -> use(mae(file), (_, _, _) -> {}))
                .isInstanceOf(CheckpointException.class)
                .hasMessage(file + ": shape of vit.embeddings.cls_token must be [1, 1, 16], but is [1, 16]; "
                        + "missing decoder.decoder_pred.bias; unexpected vit.pooler.dense.weight");
    }

    @Test
    void positions_that_do_not_fit_are_named() throws IOException {
        String name = "decoder.decoder_pos_embed";
        Path none = GoldenMae.changed(folder.resolve("none"), GoldenMae.Change.NONE.without(name));
        assertThatThrownBy(() -> use(mae(none), (_, _, _) -> {})).hasMessage(none + ": missing " + name);
        Path other =
                GoldenMae.changed(folder.resolve("other"), GoldenMae.Change.NONE.with(name, new float[64], 1, 8, 8));
        assertThatThrownBy(() -> use(mae(other), (_, _, _) -> {}))
                .hasMessage(
                        other + ": shape of " + name + " must be [1, 1 + 5 * 5, 8] by the config, but is [1, 8, 8]");
    }

    @Test
    void a_config_that_does_not_fit_is_named() throws IOException {
        assertThatThrownBy(() -> ForeignMae.config(folder))
                .hasMessageContaining("config.json: configuration must be a file");
        assertConfig("\"vit_mae\"", "\"beit\"", "model_type must be vit_mae, but is beit");
        assertConfig("\"gelu\"", "\"relu\"", "hidden_act must be gelu, but is relu");
        assertConfig("\"qkv_bias\": true", "\"qkv_bias\": false", "qkv_bias must be true, but is false");
        assertConfig(
                "\"intermediate_size\": 64",
                "\"intermediate_size\": 65",
                "intermediate_size must be 64.0, which is 4 hidden_size, but is 65.0");
        assertConfig(
                "\"patch_size\": 4",
                "\"patch_size\": 3",
                "VitConfig: images of 20 x 20 pixels can not be cut into patches of 3 x 3");
        assertConfig(
                "\"image_size\": 20", "\"image_size\": \"20\"", "image_size must be a whole number, but is \"20\"");
    }

    private void assertConfig(String from, String to, String message) throws IOException {
        Path copy = GoldenMae.copy(folder, json -> json.replace(from, to));
        assertThatThrownBy(() -> ForeignMae.config(copy))
                .isInstanceOf(CheckpointException.class)
                .hasMessage(copy.resolve("config.json") + ": " + message);
    }

    @Test
    void our_own_config_must_give_every_size() throws IOException {
        Path config = folder.resolve("config.json");
        Files.writeString(config, "{\"recipe\": \"mae\", \"model\": {\"image\": 20}}");
        assertThatThrownBy(() -> StoredRun.read(folder))
                .hasMessage(config + ": model.channels must be given, but is missing");
        Files.writeString(config, "{\"model_type\": \"cloze-mae\", \"image\": 20}");
        assertThatThrownBy(() -> StoredRun.read(folder))
                .hasMessage(config + ": channels must be given, but is missing");
    }
}
