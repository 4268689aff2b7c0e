package cloze.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.cli.CommandLines;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Pre-trains, resumes, generates and scores through the command. */
final class PretrainTest {
    private static final String[] SMALL = {"--steps", "6", "--context", "16", "--batch", "2", "--evaluate-every", "3"};

    @TempDir
    static Path temporary;

    private static Path text;
    private static Path run;
    private static CommandLines.Ran trained;

    @BeforeAll
    static void train() throws IOException {
        text = temporary.resolve("text.txt");
        run = temporary.resolve("run");
        Files.writeString(text, "the cat sat on the mat, and that was that.\n".repeat(60));
        trained = pretrain(run, "--json");
    }

    private static CommandLines.Ran pretrain(Path folder, String... more) {
        String[] where = {"pretrain", "gpt", "--data", text.toString(), "--run", folder.toString(), "--threads", "1"};
        return CommandLines.run(
                Stream.of(where, SMALL, more).flatMap(Stream::of).toArray(String[]::new));
    }

    @Test
    void leaves_a_run_folder_and_says_what_came_out() throws IOException {
        assertThat(trained.err()).contains("step 6 of 6", "tokens/s", "val_loss");
        assertThat(trained.exitCode()).isZero();
        JsonNode json = JsonMapper.builder().build().readTree(trained.out());
        assertThat(json.path("steps").asInt()).isEqualTo(6);
        assertThat(json.path("val_loss").asDouble()).isBetween(0.5, 4.0);
        assertThat(json.path("ngram_bits_per_byte").size()).isEqualTo(8);
        assertThat(run).isDirectoryContaining("glob:**/model.safetensors");
        assertThat(ImageIO.read(run.resolve("loss.png").toFile()).getWidth()).isEqualTo(1000);
    }

    @Test
    void does_not_overwrite_a_run() {
        CommandLines.Ran again = pretrain(run);
        assertThat(again.exitCode()).isEqualTo(1);
        assertThat(again.err()).contains("already holds a run").hasLineCount(1);
    }

    @Test
    void a_finished_run_resumes_to_its_end_at_once() {
        CommandLines.Ran again = CommandLines.run("pretrain", "gpt", "--run", run.toString(), "--resume");
        assertThat(again.exitCode()).isZero();
        assertThat(again.err()).contains("step 6: finished");
    }

    @Test
    void a_run_goes_on_without_the_name_of_its_system() {
        CommandLines.Ran again = CommandLines.run("pretrain", "--run", run.toString(), "--resume");
        assertThat(again.exitCode()).as(again.err()).isZero();
        assertThat(again.err()).contains("step 6: finished");
        CommandLines.Ran neither = CommandLines.run("pretrain");
        assertThat(neither.exitCode()).isEqualTo(2);
        assertThat(neither.err()).contains("pretrain needs a system, one of gpt, mae, simmim");
    }

    @Test
    void a_folder_of_another_kind_is_named() {
        String other = " is a run of gpt (a GPT), but ";
        for (String command : new String[] {"probe", "project"}) {
            CommandLines.Ran ran = CommandLines.run(command, "--checkpoint", run.toString());
            assertThat(ran.exitCode()).isEqualTo(1);
            assertThat(ran.err()).contains(other + "an image encoder is needed").hasLineCount(1);
        }
        CommandLines.Ran mae = CommandLines.run("pretrain", "mae", "--resume", "--run", run.toString());
        assertThat(mae.err()).contains(other + "a run of mae is needed").hasLineCount(1);
        CommandLines.Ran finetune = CommandLines.run("finetune", "--resume", "--run", run.toString());
        assertThat(finetune.err())
                .contains(other + "a run of classifier is needed")
                .hasLineCount(1);
        CommandLines.Ran classify =
                CommandLines.run("classify", "--run", run.toString(), "--top", "1", text.toString());
        assertThat(classify.exitCode()).isEqualTo(1);
        CommandLines.Ran export =
                CommandLines.run("export", "--run", run.toString(), "--format", "timm", "--to", temporary + "/x");
        assertThat(export.err()).contains("a run of gpt, which has the formats huggingface, not 'timm'");
    }

    @Test
    void help_shows_the_defaults_of_the_preset_that_is_asked_for() {
        assertThat(CommandLines.run("pretrain", "gpt", "--help").out()).contains("Examples in a batch (default: 12).");
        assertThat(CommandLines.run("pretrain", "gpt", "--preset", "baby", "--help")
                        .out())
                .contains("Examples in a batch (default: 64).");
    }

    @Test
    void a_bound_is_checked_before_anything_is_read() {
        Path nowhere = temporary.resolve("unread");
        CommandLines.Ran ran = CommandLines.run(
                "pretrain", "gpt", "--data", "no-such-text", "--clip", "-1", "--run", nowhere.toString());
        assertThat(ran.exitCode()).isEqualTo(2);
        assertThat(ran.err()).contains("--clip must be 0 or more, but it is -1");
        assertThat(nowhere).doesNotExist();
        assertThat(pretrain(temporary.resolve("free"), "--clip", "0").exitCode())
                .isZero();
        assertThat(CommandLines.run("pretrain", "mae", "--channels", "5").err())
                .contains("--channels must be one of 0, 1, 3, but it is 5");
    }

    @Test
    void the_options_of_a_run_that_goes_on_are_its_own() {
        CommandLines.Ran ran = CommandLines.run("pretrain", "gpt", "--run", run.toString(), "--resume", "--batch", "9");
        assertThat(ran.exitCode()).isEqualTo(2);
        assertThat(ran.err()).contains("--resume goes on with the settings of the run: leave out --batch");
    }

    @Test
    void generates_the_same_text_for_the_same_seed() {
        String[] generate = {"generate", "--run", run.toString(), "--prompt", "the ", "--tokens", "20", "--seed", "5"};
        CommandLines.Ran first = CommandLines.run(generate);
        assertThat(first.exitCode()).isZero();
        assertThat(first.out()).startsWith("the ").hasSizeGreaterThan(20);
        assertThat(CommandLines.run(generate).out()).isEqualTo(first.out());
    }

    @Test
    void scores_each_token_and_the_whole() {
        CommandLines.Ran ran =
                CommandLines.run("score", "--run", run.toString(), "--prompt", "the cat", "--each", "--json");
        assertThat(ran.exitCode()).isZero();
        JsonNode json = JsonMapper.builder().build().readTree(ran.out());
        double sum = 0;
        for (JsonNode token : json.path("each")) {
            sum += token.path("log_probability").asDouble();
        }
        assertThat(json.path("tokens").asInt()).isEqualTo(7);
        assertThat(json.path("log_probability").asDouble()).isEqualTo(sum);
        assertThat(json.path("nats").asDouble()).isEqualTo(-sum / 7);
    }

    @Test
    void a_text_that_is_not_there_is_one_line_and_exit_code_1() {
        CommandLines.Ran ran = CommandLines.run(
                "pretrain",
                "gpt",
                "--data",
                "no-such-text",
                "--run",
                temporary.resolve("none").toString());
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).startsWith("cloze: no text 'no-such-text'").hasLineCount(1);
    }

    @Test
    void a_model_that_is_not_there_is_one_line_and_exit_code_1() {
        CommandLines.Ran ran = CommandLines.run(
                "generate",
                "--prompt",
                "x",
                "--run",
                temporary.resolve("nowhere").toString());
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains("nowhere").hasLineCount(1);
        assertThat(ran.out()).isEmpty();
    }

    @Test
    void too_little_memory_says_what_is_needed() {
        CommandLines.Ran ran = pretrain(temporary.resolve("large"), "--memory", "1MiB");
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err().lines().reduce((_, last) -> last).orElse("")).contains("budget is 1.0 MiB");
    }

    @Test
    void wrong_values_are_wrong_usage() {
        assertThat(pretrain(temporary.resolve("a"), "--optimizer", "sgd").err())
                .contains("--optimizer must be one of adamw, muon, but it is sgd");
        assertThat(pretrain(temporary.resolve("g"), "--seed", "x").err())
                .contains("--seed: it must be a whole number such as 1000");
        assertThat(pretrain(temporary.resolve("h"), "--patience", "-1").err())
                .contains("--patience must be 0 or more, but it is -1");
        assertThat(pretrain(temporary.resolve("i"), "--dropout", "much").err())
                .contains("--dropout: it must be a number, but it is 'much'");
        assertThat(pretrain(temporary.resolve("b"), "--preset", "nanoo").err()).contains("did you mean nano?");
        assertThat(pretrain(temporary.resolve("c"), "--tokens", "100").err())
                .contains("--steps and --tokens exclude each other");
        assertThat(pretrain(temporary.resolve("d"), "--precision", "fp8").exitCode())
                .isEqualTo(2);
        CommandLines.Ran onCpu = pretrain(temporary.resolve("f"), "--precision", "bf16");
        assertThat(onCpu.exitCode()).isEqualTo(1);
        assertThat(onCpu.err()).contains("device cpu computes in fp32 alone, not in bf16");
        assertThat(pretrain(temporary.resolve("e"), "--device", "tpu").exitCode())
                .isEqualTo(1);
    }
}
