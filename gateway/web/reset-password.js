// Sends the token behind the # of the link together with the new password. The token leaves the address bar at once, so
// that it stays in no history; it is stored nowhere.

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

const form = document.querySelector("form");
const input = document.querySelector("#new-password");
const button = document.querySelector("button");
const problem = document.querySelector("#problem");
const done = document.querySelector("#done");

/** What went wrong, for the person who reads it. */
function explanation(answer, failure) {
  if (failure.reason === "RESET_TOKEN_INVALID") {
    return "This link was used before or has expired. Ask for another one.";
  }
  if (answer.status === 400) {
    return `The password ${failure.errors?.[0]?.description ?? failure.detail}.`;
  }
  return "That did not work just now. Wait a moment and try again.";
}

async function submit() {
  const answer = await fetch("/v1/auth/resetPassword", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token, newPassword: input.value }),
  });
  if (answer.ok) {
    form.hidden = true;
    input.value = "";
    done.textContent = "The password is changed. You are signed out everywhere: sign in with the new one.";
    done.focus();
    return;
  }
  problem.textContent = explanation(answer, await answer.json());
  input.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  button.disabled = true;
  try {
    await submit();
  } catch {
    problem.textContent = "Holdfast cannot be reached. Check the connection and try again.";
  } finally {
    button.disabled = false;
  }
});
